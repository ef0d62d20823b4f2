"""What a record in Azure ML and a fetched model cost, beside plain calls of Azure's SDK."""
