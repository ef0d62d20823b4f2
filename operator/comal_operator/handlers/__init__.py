"""kopf decorators and nothing else: each handler is one line into the cache and the queue."""
