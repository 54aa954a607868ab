"""Orbit Invoicing, the second API of the demo: customers, invoices and payments, as forms and in cents."""
