"""The sample `diabetes`: ridge regression on scikit-learn's bundled data, as MLOpsPython has it."""
