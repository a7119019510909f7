"""The toolbar, and the tabs under it: each panel shows samples, or what a policy does and costs."""
