"""The workers of a run as its supervisor knows them: started, watched, blamed, ended."""
