"""The drop as a fluid: who comes, the checkout and its gateway, the step, and what came of it."""
