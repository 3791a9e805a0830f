<?php
namespace Trivet;

/** The `context` interface: the open-runtimes form of a function's request and response (runtimes/CONTRACT.md). No superglobals. */
const HIDDEN = 'x-open-runtimes-', LOG_LINE_MAX = 8000;

/**
 * The request: properties as open-runtimes has them, and methods that read it as PSR-7's do.
 *
 * @property-read mixed $body parsed JSON (as arrays) when the content type says so, else text
 * @property-read mixed $bodyJson
 * @property-read string $bodyText
 * @property-read string $url
 */
final class Request
{
    public readonly string $method, $path, $scheme, $queryString, $host;
    public readonly int $port;
    public readonly array $headers, $query;
    private array $pairs;

    public function __construct(array $head, public readonly string $bodyBinary)
    {
        $this->method = $head['method'];
        $this->path = $head['path'];
        $this->scheme = $head['scheme'];
        $this->queryString = $head['query'];
        $this->pairs = \array_filter($head['headers'], fn ($pair) => !\str_starts_with($pair[0], HIDDEN));
        $this->headers = \array_column($this->pairs, 1, 0);
        [$host, $port] = \explode(':', $head['host'], 2) + [1 => ''];
        $this->host = $host;
        $this->port = \ctype_digit($port) ? (int) $port : ($this->scheme === 'https' ? 443 : 80);
        $query = [];
        foreach (\explode('&', $this->queryString) as $pair) {
            [$name, $value] = \explode('=', $pair, 2) + [1 => ''];
            if ($name !== '') {
                $query[$name] = $value;
            }
        }
        $this->query = $query;
    }

    public function __get(string $name): mixed
    {
        return match ($name) {
            'body' => $this->isJson() ? ($this->bodyBinary === '' ? [] : $this->bodyJson) : $this->bodyText,
            'bodyText', 'bodyRaw' => text($this->bodyBinary, PHP_INT_MAX),
            'bodyJson' => \json_decode($this->bodyBinary, true, DEPTH, JSON_THROW_ON_ERROR),
            'url' => $this->getUri(),
            default => throw new \Error("the request has no $name"),
        };
    }

    public function __isset(string $name): bool
    {
        return \in_array($name, ['body', 'bodyText', 'bodyRaw', 'bodyJson', 'url'], true);
    }

    private function isJson(): bool
    {
        return \str_starts_with(\strtolower($this->headers['content-type'] ?? ''), 'application/json');
    }

    public function getMethod(): string
    {
        return $this->method;
    }

    public function getUri(): string
    {
        $isUsual = $this->port === ($this->scheme === 'https' ? 443 : 80);
        return "$this->scheme://$this->host" . ($isUsual ? '' : ":$this->port") . $this->path . ($this->queryString === '' ? '' : "?$this->queryString");
    }

    /** Every value of every header: [name => [value, ...]]. */
    public function getHeaders(): array
    {
        $all = [];
        foreach ($this->pairs as [$name, $value]) {
            $all[$name][] = $value;
        }
        return $all;
    }

    public function hasHeader(string $name): bool
    {
        return isset($this->headers[\strtolower($name)]);
    }

    public function getHeader(string $name): array
    {
        return $this->getHeaders()[\strtolower($name)] ?? [];
    }

    public function getHeaderLine(string $name): string
    {
        return \implode(', ', $this->getHeader($name));
    }

    /** The query as PHP reads it: decoded, with lists and nested names. */
    public function getQueryParams(): array
    {
        \parse_str($this->queryString, $found);
        return $found;
    }

    public function getCookieParams(): array
    {
        \preg_match_all('/(?:^|;)\s*([^=;\s]+)=([^;]*)/', \implode('; ', $this->getHeader('cookie')), $found);
        return \array_combine($found[1], \array_map('rawurldecode', $found[2]));
    }

    public function getBody(): string
    {
        return $this->bodyBinary;
    }

    /** JSON and forms as arrays; null for anything else. */
    public function getParsedBody(): ?array
    {
        if (\str_starts_with(\strtolower($this->headers['content-type'] ?? ''), 'application/x-www-form-urlencoded')) {
            \parse_str($this->bodyBinary, $found);
            return $found;
        }
        return $this->isJson() && \is_array($this->body) ? $this->body : null;
    }
}

/** What res.* made. */
final class Response
{
    public function __construct(public readonly int $status, public readonly array $headers, public readonly string|iterable $payload)
    {
    }
}

final class Responder
{
    public function binary(string $body, int $status = 200, array $headers = []): Response
    {
        return new Response($status, $headers, $body);
    }

    public function text(string $body, int $status = 200, array $headers = []): Response
    {
        return new Response($status, $headers, $body);
    }

    public function send(string $body, int $status = 200, array $headers = []): Response
    {
        return new Response($status, $headers, $body);
    }

    /** An array without anything in it is an object: which of the two it was meant to be, PHP cannot tell. */
    public function json(mixed $value, int $status = 200, array $headers = []): Response
    {
        $text = $value === [] ? '{}' : \json_encode($value, JSON, DEPTH);
        return new Response($status, ['content-type' => 'application/json'] + \array_change_key_case($headers), $text);
    }

    public function empty(): Response
    {
        return new Response(204, [], '');
    }

    public function redirect(string $url, int $status = 301, array $headers = []): Response
    {
        return new Response($status, ['location' => $url] + \array_change_key_case($headers), '');
    }

    public function stream(iterable $pieces, int $status = 200, array $headers = []): Response
    {
        return new Response($status, $headers, $pieces);
    }

    /** The REPLY's meta and payload of what a handler returned. */
    public static function finished(mixed $reply): array
    {
        if (!$reply instanceof Response) {
            throw new Failure('INVALID_OUTPUT', 'Return statement missing. return context.res.empty() if no response is expected.');
        }
        $headers = \array_change_key_case($reply->headers);
        $type = $headers['content-type'] ?? 'text/plain';
        if (!\str_starts_with(\strtolower($type), 'multipart/')) {
            $type = \strtolower($type);
            $type .= \str_contains($type, 'charset=') ? '' : '; charset=utf-8';
        }
        $headers['content-type'] = $type;
        $pairs = [];
        foreach ($headers as $name => $value) {
            if (!\str_starts_with($name, HIDDEN)) {
                foreach (\is_array($value) ? $value : [$value] as $each) {
                    $pairs[] = [(string) $name, (string) $each];
                }
            }
        }
        return [meta(['status' => $reply->status, 'headers' => $pairs]), $reply->payload];
    }
}

final class HttpContext
{
    public readonly Request $req;
    public readonly Responder $res;
    public readonly Sdk $sdk;

    public function __construct(private Worker $worker, array $head, string $body, private Log $log, int $call)
    {
        $this->req = new Request($head, $body);
        $this->res = new Responder();
        $this->sdk = new Sdk($worker->asks, $call);
    }

    public function log(mixed ...$values): void
    {
        $this->log->info(self::line($values));
    }

    public function error(mixed ...$values): void
    {
        $this->log->error(self::line($values));
    }

    /** $work is done once the reply has been sent; the next call waits for it. */
    public function afterReply(callable $work): void
    {
        $this->worker->afterReply[] = $work;
    }

    private static function line(array $values): string
    {
        $words = \array_map(fn ($value) => \is_string($value) ? $value : \json_encode($value, JSON_ANYHOW, DEPTH), $values);
        $line = \implode(' ', $words);
        return \strlen($line) > LOG_LINE_MAX && \preg_match('/^.{' . LOG_LINE_MAX . '}/us', text($line, 4 * LOG_LINE_MAX), $cut) ? $cut[0] : $line;
    }
}
