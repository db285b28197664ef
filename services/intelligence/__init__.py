"""Intelligence: sources, findings with their evidence, and the dossier that they make of a client."""
