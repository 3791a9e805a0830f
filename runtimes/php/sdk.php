<?php
namespace Trivet;

/** ctx.sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md). Whoever waits for an ANSWER reads the frames. */

/**
 * A call of another function failed: its code, `function`, `reason` (the host's sentence), `details` (all that is known about it);
 * `status` and `body` are those of an answer that refused.
 */
final class CallError extends \Exception
{
    public $code;
    public readonly string $function, $reason;
    public readonly ?int $status;

    public function __construct(public readonly array $details, public readonly string $body = '')
    {
        $this->function = $details['function'] ?? '';
        $this->reason = $details['message'];
        $this->status = $details['status'] ?? null;
        // A loop is told as it is by each that it passes through.
        parent::__construct($details['code'] === 'LOOP_DETECTED' ? $this->reason : "$this->function: {$details['code']}: $this->reason");
        $this->code = $details['code'];
    }
}

/** What a worker has asked its host for. */
final class Asks
{
    public int $current = 0, $cancelled = 0; // the last call that began, that was cancelled
    public bool $asArrays = false; // how objects of JSON come
    private int $last = 0;
    private array $answers = []; // by number: what came, or null

    public function __construct(private Worker $worker)
    {
    }

    public function begin(int $call): void
    {
        $this->current = $call;
        $this->answers = [];
    }

    public function send(int $call, string $function, mixed $value, ?float $timeout): int
    {
        $body = \json_encode($value, JSON, DEPTH);
        $wish = ['ask' => $this->last + 1, 'service' => 'call', 'function' => $function];
        if ($timeout !== null) {
            $wish['timeout_ms'] = \max(0, (int) \round($timeout * 1000));
        }
        $meta = meta($wish);
        if ($call !== $this->current) {
            throw new CallError(['code' => 'CANCELLED', 'message' => 'the call has ended', 'function' => $function]);
        }
        $this->endIfCancelled();
        if (12 + \strlen($meta) + \strlen($body) > $this->worker->most || \strlen($meta) > META_MAX) {
            throw new CallError(['code' => 'PAYLOAD_TOO_LARGE', 'function' => $function,
                'message' => 'the input has ' . \strlen($body) . ' bytes, more than limits.payload of its caller allows']);
        }
        $this->worker->flush();
        $this->answers[++$this->last] = null;
        $this->worker->frames->write(ASK, $call, $meta, $body);
        return $this->last;
    }

    public function wait(int $number): mixed
    {
        if (!\array_key_exists($number, $this->answers)) {
            throw new CallError(['code' => 'CANCELLED', 'message' => 'the call that asked has ended']);
        }
        while ($this->answers[$number] === null) {
            $this->endIfCancelled();
            $frame = $this->worker->frames->read() ?? exit(0);
            if ($frame[0] === CANCEL) {
                $this->cancelled = $frame[2];
            } else {
                $this->worker->between($frame);
            }
        }
        [$answer, $body] = $this->answers[$number];
        unset($this->answers[$number]);
        return $this->valueOf($answer, $body);
    }

    public function answered(string $meta, string $body): void
    {
        $answer = \json_decode($meta, true);
        if (\array_key_exists($answer['ask'], $this->answers)) { // else its call has ended
            $this->answers[$answer['ask']] = [$answer, $body];
        }
    }

    private function endIfCancelled(): void
    {
        if ($this->cancelled === $this->current) {
            throw new Failure('CANCELLED', 'the call was cancelled');
        }
    }

    private function valueOf(array $answer, string $body): mixed
    {
        if (!$answer['ok']) {
            throw new CallError($answer['error'], $body);
        }
        $type = \strtolower($answer['type'] ?? 'application/json');
        $parsed = fn ($text) => \json_decode($text, $this->asArrays, DEPTH, JSON_THROW_ON_ERROR);
        if (\str_starts_with($type, 'application/json')) {
            return $body === '' ? null : $parsed($body);
        }
        if (\str_starts_with($type, 'application/x-ndjson')) {
            return \array_map($parsed, \preg_split('/\n/', $body, -1, PREG_SPLIT_NO_EMPTY));
        }
        return $body;
    }
}

/** A call of another function that runs meanwhile. */
final class Pending
{
    public function __construct(private Asks $asks, private int $number)
    {
    }

    /** Waits for it, once. */
    public function wait(): mixed
    {
        return $this->asks->wait($this->number);
    }
}

final class Sdk
{
    public function __construct(private Asks $asks, private int $call)
    {
    }

    /** What $function returns for $input. Waits; $timeout is in seconds. A CallError says why it failed. */
    public function call(string $function, mixed $input = null, ?float $timeout = null): mixed
    {
        return $this->asks->wait($this->asks->send($this->call, $function, $input, $timeout));
    }

    /** The same without waiting: several run at once, and wait() of each gives what came. */
    public function start(string $function, mixed $input = null, ?float $timeout = null): Pending
    {
        return new Pending($this->asks, $this->asks->send($this->call, $function, $input, $timeout));
    }
}
