"""Print the confusion table: ``python -m mobilenet_np.diagnosis``."""

from .confusion import confusion

if __name__ == "__main__":
    print(confusion())
