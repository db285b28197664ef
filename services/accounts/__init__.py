"""Accounts: clients and their contacts, people and roles, account teams, conflict walls."""
