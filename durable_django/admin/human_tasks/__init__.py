"""What people are asked to do: their inbox, the page of one task, and the acts."""
