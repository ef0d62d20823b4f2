"""What a caller may take: bytes, time, places in the queue, addresses to fetch from."""
