"""What calls cost: the event of each call, and the plans and budgets of tenants."""
