"""Pure rules of intelligence: what a finding is, how far it can be believed, and how a dossier is judged."""
