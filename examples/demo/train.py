"""The Python half of the demo: a small convolutional network, trained on arrays that C++ fills.

The arrays are numpy views of C++'s own pages, and torch.from_numpy makes tensors of the same pages: no batch is copied.
"""

import torch
from torch import nn

torch.set_num_threads(1)  # the batches are small, and the other core fills the next one


class Trainer:
    def __init__(self, steps, seed):
        """steps: how many batches will come; the learning rate rises and falls over them."""
        torch.manual_seed(seed)
        self.model = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25),
            nn.Linear(32 * 4 * 4, 64), nn.ReLU(),
            nn.Linear(64, 10),
        )
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, max_lr=4e-3, total_steps=steps)

    def train(self, feed, epochs, report):
        """Trains on every batch of so many epochs, and reports the mean loss after each."""
        for epoch in range(1, epochs + 1):
            losses = [self.step(batch["images"], batch["labels"]) for batch in feed]
            report(epoch, sum(losses) / len(losses))

    def step(self, images, labels):
        """One step on images (batch, 1, 8, 8) float32 and labels (batch,) int64; returns the mean loss."""
        scores = self.model(torch.from_numpy(images))
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def predict(self, images, probabilities):
        """Fills probabilities (n, 10), which C++ reads as they are, for images (n, 1, 8, 8)."""
        self.model.eval()
        with torch.inference_mode():
            torch.from_numpy(probabilities)[:] = self.model(torch.from_numpy(images)).softmax(dim=1)
