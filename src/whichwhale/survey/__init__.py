"""The simulated aerial survey of right whales: the embedded data set, in the layout of the 2015 competition."""
