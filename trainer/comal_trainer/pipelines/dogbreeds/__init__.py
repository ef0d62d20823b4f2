"""The sample `dogbreeds`: ten classes of pictures, the weights of the best epoch kept."""
