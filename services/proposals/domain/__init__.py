"""Pure rules of proposals: workflows, content, approvals, citations, pitches, figures."""
