"""ART's MIFace on a softmax regression or MLP, as shipped or as an expert sets it.

Arguments: the case (npz), where to put the pictures (npz), the mode, how often to measure. Runs in
ART's own environment. As shipped the classifier answers with probabilities, the pictures start at
zero and everything else is ART's default but for the most steps (its 10,000 are 200 here: it does
not get better, and would take hours). The expert takes logits, the mean picture, steps of one
unit and few of them.
"""

import sys
import time
import warnings

import numpy as np
import torch
from art.attacks.inference.model_inversion import MIFace
from art.estimators.classification import PyTorchClassifier

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
case, mode = np.load(sys.argv[1]), sys.argv[3]
layers = [torch.tensor(case[f"layer{i}"]) for i in range(len([k for k in case if "layer" in k]))]
parts: list[torch.nn.Module] = []
for w, b in zip(layers[::2], layers[1::2], strict=True):
    linear = torch.nn.Linear(*w.shape)
    linear.weight.data, linear.bias.data = w.T.contiguous(), b
    parts += [linear, torch.nn.Sigmoid()]
parts.pop()
if mode == "shipped":
    parts.append(torch.nn.Softmax(dim=1))
size, k = layers[0].shape[0], layers[-1].shape[0]
classifier = PyTorchClassifier(
    model=torch.nn.Sequential(*parts),
    loss=torch.nn.CrossEntropyLoss(),
    input_shape=(size,),
    nb_classes=k,
    clip_values=(0.0, 1.0),
    device_type="cpu",
)
if mode == "shipped":
    attack, x = MIFace(classifier, max_iter=200, verbose=False), None
else:
    attack = MIFace(classifier, max_iter=int(case["steps"]), learning_rate=1.0, verbose=False)
    x = np.repeat(case["mean"].astype(np.float32), k, axis=0)
spent = []
for _ in range(int(sys.argv[4])):
    started = time.process_time()
    pictures = attack.infer(x, np.arange(k))
    spent.append(time.process_time() - started)
np.savez(sys.argv[2], pictures=pictures, cpu_s=spent)
