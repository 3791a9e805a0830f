<?php

namespace Invoice;

/** The lines of an invoice and what they come to; amounts are cents, so that nothing is lost to rounding. */
final class Invoice
{
    public readonly array $lines;
    public readonly int $net, $tax, $total;

    public function __construct(public readonly string $number, public readonly string $customer, array $lines, int $taxPercent)
    {
        $this->lines = array_map(function ($line) {
            if (!isset($line['text'], $line['cents']) || !is_int($line['cents'])) {
                throw new \InvalidArgumentException('each line has a text and cents');
            }
            $count = $line['count'] ?? 1;
            return ['text' => $line['text'], 'count' => $count, 'cents' => $line['cents'], 'sum' => $count * $line['cents']];
        }, $lines);
        $this->net = array_sum(array_column($this->lines, 'sum'));
        $this->tax = intdiv($this->net * $taxPercent + 50, 100);
        $this->total = $this->net + $this->tax;
    }
}
