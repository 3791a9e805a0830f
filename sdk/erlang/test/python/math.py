def add(a, b):
    return a + b


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def batch_sum(numbers):
    return sum(numbers)
