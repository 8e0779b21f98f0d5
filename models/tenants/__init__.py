"""Tenants: sellers, their accounts and options, payment and shipping methods, the tenant lock."""
