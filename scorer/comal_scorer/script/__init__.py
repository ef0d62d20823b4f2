"""A user's scoring script, `init()` and `run()`, in processes of its own."""
