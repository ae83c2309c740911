"""Stages at work in a worker: what the engine keeps around each to hold its promises."""
