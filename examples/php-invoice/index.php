<?php

use Invoice\Invoice;
use Twig\Environment;
use Twig\Loader\FilesystemLoader;
use Twig\TwigFilter;

// Made once, before the first call: vendor/autoload.php has been read by then, and each worker is a fork that has all of this.
$twig = new Environment(new FilesystemLoader(__DIR__ . '/templates'), ['strict_variables' => true]);
$twig->addFilter(new TwigFilter('money', fn (int $cents) => number_format($cents / 100, 2)));
$page = $twig->load('invoice.html');

return function ($context) use ($page) {
    $request = $context->req;
    if ($request->method !== 'POST') {
        return $context->res->text('POST an invoice as JSON: number, customer, lines [{text, count, cents}], tax', 405, ['allow' => 'POST']);
    }
    $asked = $request->getParsedBody() ?? [];
    try {
        $invoice = new Invoice($asked['number'] ?? '', $asked['customer'] ?? '', $asked['lines'] ?? [], $asked['tax'] ?? 19);
    } catch (InvalidArgumentException $error) {
        return $context->res->json(['error' => $error->getMessage()], 422);
    }
    $context->log('invoice', $invoice->number, ['total' => $invoice->total]);
    if (str_contains($request->getHeaderLine('Accept'), 'application/json')) {
        return $context->res->json($invoice);
    }
    return $context->res->text($page->render(['invoice' => $invoice]), 200, ['content-type' => 'text/html']);
};
