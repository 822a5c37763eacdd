"""What endpoints send, read with nothing of it taken for well-formed: answers, streams, usage, errors, thoughts."""
