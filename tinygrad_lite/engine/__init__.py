"""What is remembered, and the walk back: the graph, the call of an op, and reverse mode."""
