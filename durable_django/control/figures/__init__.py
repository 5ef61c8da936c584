"""How many, how long, how often in vain: bounded reads only."""
