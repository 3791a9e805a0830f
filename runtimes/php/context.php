<?php
namespace Trivet;

/** ctx.log: lines that carry a level and fields. */
final class Log
{
    public function __construct(private Frames $frames, private int $call)
    {
    }

    private function write(string $level, mixed $message, array|object $fields): void
    {
        $fields = (array) $fields;
        $meta = meta($fields ? ['level' => $level, 'fields' => $fields] : ['level' => $level]);
        if (\strlen($meta) > META_MAX) {
            $meta = meta(['level' => $level, 'fields' => ['text' => \strlen($meta) . ' bytes, too many']]);
        }
        $this->frames->write(LOG, $this->call, $meta, text(\is_scalar($message) || $message instanceof \Stringable ? (string) $message : meta([$message])));
    }

    public function debug(mixed $message, array|object $fields = []): void
    {
        $this->write('debug', $message, $fields);
    }

    public function info(mixed $message, array|object $fields = []): void
    {
        $this->write('info', $message, $fields);
    }

    public function warn(mixed $message, array|object $fields = []): void
    {
        $this->write('warn', $message, $fields);
    }

    public function error(mixed $message, array|object $fields = []): void
    {
        $this->write('error', $message, $fields);
    }
}

/**
 * What a json handler is told besides its input. The facts are parsed when they are asked for.
 *
 * @property-read string $callId
 * @property-read ?object $auth
 * @property-read ?int $deadline Unix milliseconds
 * @property-read Log $log
 * @property-read Sdk $sdk
 */
final class Context
{
    private ?object $facts = null;

    public function __construct(private Worker $worker, private int $call, private string $meta, public readonly string $function, public readonly array $env)
    {
    }

    public function __get(string $name): mixed
    {
        return match ($name) {
            'log' => new Log($this->worker->frames, $this->call),
            'sdk' => new Sdk($this->worker->asks, $this->call),
            'callId' => $this->facts()->id ?? null,
            'auth' => $this->facts()->auth ?? null,
            'deadline' => $this->facts()->deadline_ms ?? null,
            default => throw new \Error("the context has no $name"),
        };
    }

    public function __isset(string $name): bool
    {
        return \in_array($name, ['log', 'sdk', 'callId', 'auth', 'deadline'], true) && $this->__get($name) !== null;
    }

    /** $work is done once the reply has been sent; the next call waits for it. */
    public function afterReply(callable $work): void
    {
        $this->worker->afterReply[] = $work;
    }

    private function facts(): object
    {
        return $this->facts ??= \json_decode($this->meta ?: '{}', false, DEPTH);
    }
}
