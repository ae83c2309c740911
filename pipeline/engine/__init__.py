"""Engines that start the agents of a run by themselves: Ray, in a process of its own."""
