"""Reads handwritten digits. The model is trained once, when the module is loaded; workers are forks that share it.

    trivet run . -d '{"pixels": [[0, 0, 5, 13, 9, 1, 0, 0], ...]}'     # 8 by 8, from 0 to 16
"""
import numpy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

digits = load_digits()
train, test, train_labels, test_labels = train_test_split(digits.data, digits.target, test_size=0.25, random_state=1)
model = make_pipeline(StandardScaler(), SVC(gamma=0.01)).fit(train, train_labels)
accuracy = model.score(test, test_labels)


def handler(input, ctx):
    pixels = numpy.asarray(input["pixels"], dtype=float).reshape(-1, 64)
    margins = model.decision_function(pixels)
    ctx.log.info("read", {"digits": len(pixels)})
    return {"digits": model.predict(pixels).tolist(), "margins": numpy.sort(margins, axis=1)[:, -2:].round(3).tolist(), "accuracy": round(accuracy, 4)}
