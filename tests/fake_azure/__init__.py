"""Azure on loopback: its hosts' real names behind a proxy, for the real SDKs, unmodified.

Nothing here was ever answered by Azure itself: requests are what the SDKs send, answers are what
the public REST specifications show and the SDKs need.
"""
