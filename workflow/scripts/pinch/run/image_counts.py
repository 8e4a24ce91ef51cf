"""How many images a step looks at where no option says so; plans and requests for time follow."""

GRADIENT_IMAGES = 160
"""For gradients, by which channels are ranked."""
STATISTICS_IMAGES = 320
"""For the batch-norm statistics of a network that was changed."""
INFLUENCE_IMAGES = 64
"""To see how much blocks change their inputs."""
TEST_PICTURES_AMONG = 40
"""Of a data set, to choose the test pictures of a bundle among them."""
AVERAGE_IMAGES = 1024
"""For the batch-norm statistics of weights that are averaged over epochs."""
