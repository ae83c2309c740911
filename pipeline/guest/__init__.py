"""A run as a library: started by a program that takes its frames one by one, as a guest among its workers."""
