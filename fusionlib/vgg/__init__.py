"""The network that the method borrows: the first nine convolutions of VGG-19."""
