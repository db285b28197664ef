"""Search behind one port: documents in, answers out, nothing that the reader may not see in between."""
