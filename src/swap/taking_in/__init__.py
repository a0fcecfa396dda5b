"""`swap notebooks import`: takes in home directories of before SWAP, with their notebooks' history where git has it."""
