"""HTTP, without the server loop: routes, and the words of each family of clients."""
