"""What the server says over HTTPS: today the documents that set up mail programs."""
