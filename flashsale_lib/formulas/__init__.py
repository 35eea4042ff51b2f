"""Closed forms: stations in steady state, staffing, the Universal Scalability Law, what retries cost."""
