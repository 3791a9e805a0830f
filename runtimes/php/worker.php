<?php
/**
 * The shim of the PHP runtime: speaks the frame (docs/formats/frame.md), loads user code, calls it.
 *
 * One call at a time, in a synchronous read loop. User code is included by the last lines of this file, so that its variables are global
 * as they are in a program; everything of the shim is in the namespace Trivet.
 */
namespace Trivet;

foreach (['libc', 'frames', 'context', 'http', 'sdk', 'zygote'] as $_) {
    require __DIR__ . "/$_.php";
}
unset($_);

final class Worker
{
    public Frames $frames;
    public Asks $asks;
    public int $most = PHP_INT_MAX; // bytes of a frame that the host takes
    public array $afterReply = [];
    public ?Zygote $zygote = null;
    private static self $one;
    private bool $isDraining = false, $isLoaded = false, $takesArrays = false;
    private ?array $plan = null;
    private int $call = 0; // that runs now
    private int $credit = 0;
    private \Closure $handler, $answer;

    /** Works until a file has to be included, which path() names. False once there is nothing to do any more. */
    public static function next(): bool
    {
        if (!isset(self::$one)) {
            $worker = self::$one = new self();
            $worker->asks = new Asks($worker);
            if (Libc::open()) {
                Libc::closeScriptOnExec(__FILE__);
            }
            \register_shutdown_function($worker->ended(...));
            if (\getenv('TRIVET_ZYGOTE') !== false) {
                \putenv('TRIVET_ZYGOTE');
                unset($_SERVER['TRIVET_ZYGOTE']);
                $worker->zygote = new Zygote($worker);
            }
            $worker->frames = new Frames(FD_IN, FD_OUT);
            $worker->hello();
        }
        return self::$one->run();
    }

    public static function path(): string
    {
        return self::$one->plan['dir'] . '/' . self::$one->plan['entrypoint'];
    }

    /** Is the file a program for one request, on stdin and stdout? */
    public static function isProgram(): bool
    {
        return self::$one->plan['interface'] === 'stdio';
    }

    /** HELLO, and READY with it where nothing has to be loaded any more. */
    public function hello(): void
    {
        $hello = ['protocol' => 1, 'runtime' => 'php', 'version' => PHP_VERSION, 'concurrency' => 1, 'features' => ['stream']];
        $this->frames->send(Frames::of(HELLO, 0, meta($hello)) . ($this->isLoaded ? Frames::of(READY, 0) : ''));
    }

    /** What a call does, without one: a fork that waits has then touched the pages that it will write to. */
    public function rehearse(): void
    {
        \json_encode(\json_decode('{"a":[1,"b",2.5,null]}', false, DEPTH), JSON, DEPTH);
        \unpack('Nlength', Frames::of(REPLY, 0, '', '{}'));
    }

    /** A fork of the zygote begins, with frames of its own. */
    public function reborn(Frames $frames, bool $isZygote): void
    {
        $this->frames = $frames;
        $isLoaded = $this->isLoaded;
        $this->isLoaded = $isLoaded && !$isZygote;
        $this->hello();
        $this->isLoaded = $isLoaded;
    }

    /** Until there is something to include, DRAIN, or the end of the input. */
    private function run(): bool
    {
        while ($this->zygote !== null) {
            $load = $this->zygote->serve($this->isLoaded);
            if ($load === null) {
                $this->zygote = null; // a fork: it is a worker
            } elseif ($this->prepare($load)) {
                return true;
            }
        }
        while (!$this->isDraining && ($frame = $this->frames->read()) !== null) {
            if ($frame[0] === CALL) {
                $this->called($frame);
            } elseif ($frame[0] !== LOAD) {
                $this->between($frame);
            } elseif ($this->prepare($frame[3])) {
                return true;
            }
        }
        return false;
    }

    /** A frame that is not about a new call. */
    public function between(array $frame): void
    {
        if ($frame[0] === PING) {
            $this->frames->write(PONG, 0, '', $frame[4]);
        } elseif ($frame[0] === DRAIN) {
            $this->isDraining = true;
        } elseif ($frame[0] === CREDIT) {
            $this->credit += \json_decode($frame[3])->bytes;
        } elseif ($frame[0] === ANSWER) {
            $this->asks->answered($frame[3], $frame[4]);
        }
    }

    // ------------------------------------------------------------ loading

    /** Is there a file to include now? */
    private function prepare(string $meta): bool
    {
        $plan = $this->plan = \json_decode($meta, true);
        \chdir($plan['dir']);
        foreach ($plan['env'] as $name => $value) {
            \putenv("$name=$value");
            $_SERVER[$name] = $value;
        }
        if ($plan['interface'] === 'stdio') {
            require __DIR__ . '/program.php';
            $this->frames->close();
            become($plan['entrypoint']);
            return true;
        }
        \ini_set('display_errors', 'stderr');
        \ini_set('log_errors', '0');
        $this->most = $plan['max_frame'];
        if (isset($plan['memory'])) {
            \ini_set('memory_limit', (string) \intdiv($plan['memory'] * 3, 4));
        }
        try {
            if ($plan['interface'] !== 'module' && !\is_file($plan['entrypoint'])) {
                throw new Failure('LOAD_FAILED', "{$plan['entrypoint']} does not exist");
            }
            if (\is_file('vendor/autoload.php')) {
                require_once "{$plan['dir']}/vendor/autoload.php";
            }
        } catch (\Throwable $error) {
            $this->failed($error);
        }
        if ($plan['interface'] !== 'module') {
            return true;
        }
        require_once __DIR__ . '/modules.php';
        $modules = new Modules($plan['dir']);
        $this->answer = fn (int $call, string $meta, string $body) => $this->reply($call, '', $this->json($modules->call(\json_decode($meta), $body)));
        $this->ready();
        return false;
    }

    /** The file has been included; $value is what it returned. */
    public static function loaded(mixed $value): void
    {
        $worker = self::$one;
        $worker->handler = $worker->find($value);
        $type = (new \ReflectionFunction($worker->handler))->getParameters()[0] ?? null;
        $worker->takesArrays = $worker->plan['interface'] === 'context' || \preg_match('/^\??array$|\barray\|null$/', (string) $type?->getType()) === 1;
        $worker->asks->asArrays = $worker->takesArrays;
        $worker->answer = $worker->plan['interface'] === 'context' ? $worker->answerContext(...) : $worker->answerJson(...);
        $worker->ready();
    }

    private function ready(): void
    {
        $this->isLoaded = true;
        $this->flush();
        $unsafe = $this->zygote?->unsafe() ?? '';
        $this->frames->write(READY, 0, $unsafe === '' ? '' : meta(['unsafe' => $unsafe]));
    }

    public static function notLoaded(\Throwable $error): never
    {
        self::$one->failed($error);
    }

    private function failed(\Throwable $error): never
    {
        $this->flush();
        $this->plan = null;
        $this->frames->write(ERROR, 0, describe($error, 'LOAD_FAILED'));
        exit(1);
    }

    private function find(mixed $value): \Closure
    {
        $name = $this->plan['handler'];
        $among = \is_array($value) ? $value[$name] ?? null : (\is_object($value) && $name !== '' ? [$value, $name] : null);
        if ($name === '' && \is_callable($value)) {
            return $value(...);
        }
        if ($name !== '' && $among !== null && \is_callable($among)) {
            return $among(...);
        }
        foreach ($name === '' ? ['handler', 'main', 'handle'] : [$name] as $each) {
            foreach (\get_defined_functions()['user'] as $function) { // in whatever namespace
                if (\strcasecmp($function, $each) === 0 || \str_ends_with($function, '\\' . \strtolower($each))) {
                    return $function(...);
                }
            }
            if (\is_callable($each = \str_replace('.', '::', $each))) { // Class.method
                return $each(...);
            }
        }
        $wanted = $name === '' ? 'it returns no function, and has none called handler, main or handle' : "it has no function $name";
        throw new Failure('LOAD_FAILED', "{$this->plan['entrypoint']}: $wanted");
    }

    // ------------------------------------------------------------ calls

    private function called(array $frame): void
    {
        [, $flags, $call, $meta, $body] = $frame;
        $this->asks->begin($this->call = $call);
        try {
            ($this->answer)($call, $meta, $flags & MORE ? $this->restOf($call, $body) : $body);
        } catch (\Throwable $error) {
            $this->flush();
            $this->frames->write(ERROR, $call, describe($error));
        }
        $this->asks->begin($this->call = 0);
        if ($this->afterReply) {
            $this->doRest();
        }
    }

    /** What a handler left to be done after its reply. */
    private function doRest(): void
    {
        while ($work = \array_shift($this->afterReply)) {
            try {
                $work();
            } catch (\Throwable $error) {
                \fwrite(STDERR, 'after the reply: ' . stackOf($error) . "\n");
            }
        }
        $this->flush();
    }

    /** A body that comes in pieces, whole. */
    private function restOf(int $call, string $first): string
    {
        $pieces = [$first];
        while (true) {
            $frame = $this->frames->read() ?? exit(0);
            [$type, $flags, $of, , $body] = $frame;
            if ($type === CANCEL && $of === $call) {
                throw new Failure('CANCELLED', 'the call was cancelled before its body was whole');
            }
            if ($type !== CHUNK || $of !== $call) {
                $this->between($frame);
                continue;
            }
            $pieces[] = $body;
            if (!($flags & MORE)) {
                return \implode($pieces);
            }
            $this->frames->write(CREDIT, $call, '{"bytes":' . \strlen($body) . '}');
        }
    }

    private function answerJson(int $call, string $meta, string $body): void
    {
        try {
            $input = $body === '' ? null : \json_decode($body, $this->takesArrays, DEPTH, JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            throw new Failure('INVALID_INPUT', 'the input is not JSON: ' . $error->getMessage());
        }
        $output = ($this->handler)($input, new Context($this, $call, $meta, $this->plan['function'], $this->plan['env']));
        if ($output instanceof \Iterator && !$output instanceof \JsonSerializable) {
            $this->stream($call, '{"headers":[["content-type","application/x-ndjson"]]}', (function () use ($output) {
                foreach ($output as $value) {
                    yield $this->json($value) . "\n";
                }
            })());
        } else {
            $this->reply($call, '', $this->json($output));
        }
    }

    private function json(mixed $value): string
    {
        try {
            return \json_encode($value, JSON, DEPTH);
        } catch (\JsonException $error) {
            throw new Failure('INVALID_OUTPUT', "the handler's value cannot be written as JSON: " . $error->getMessage());
        }
    }

    private function answerContext(int $call, string $meta, string $body): void
    {
        $context = new HttpContext($this, \json_decode($meta, true, DEPTH), $body, new Log($this->frames, $call), $call);
        [$head, $payload] = Responder::finished(($this->handler)($context));
        \is_string($payload) ? $this->reply($call, $head, $payload) : $this->stream($call, $head, $payload);
    }

    private function reply(int $call, string $head, string $body): void
    {
        $size = \strlen($head) + \strlen($body);
        if (12 + $size > $this->most || \strlen($head) > META_MAX) {
            throw new Failure('INVALID_OUTPUT', "the reply has $size bytes, more than limits.payload allows: return less, or stream it");
        }
        $this->flush();
        $this->frames->write(REPLY, $call, $head, $body);
    }

    private function stream(int $call, string $head, iterable $pieces): void
    {
        $this->flush();
        $this->frames->write(REPLY, $call, $head, '', MORE);
        $this->credit = $this->plan['credit'];
        foreach ($pieces as $piece) {
            foreach (\str_split((string) $piece, CHUNK_SIZE) as $part) {
                while ($this->credit < \strlen($part)) {
                    $frame = $this->frames->read() ?? exit(0);
                    if ($frame[0] === CANCEL && $frame[2] === $call) {
                        throw new Failure('CANCELLED', 'the stream was cancelled');
                    }
                    $this->between($frame);
                }
                $this->credit -= \strlen($part);
                $this->flush();
                $this->frames->write(CHUNK, $call, '', $part, MORE);
            }
        }
        $this->frames->write(CHUNK, $call);
    }

    /** PHP writes what is printed at once, unless user code has it gathered. */
    public function flush(): void
    {
        while (\ob_get_level() > 0) {
            \ob_end_flush();
        }
    }

    /** The script is over. Of an error that PHP does not let anybody catch the host is told; the worker ends, as PHP has it. */
    private function ended(): void
    {
        $error = \error_get_last();
        $fatal = $error !== null && ($error['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR)) !== 0;
        if (!$fatal || $this->plan === null || self::isProgram() || ($this->isLoaded && $this->call === 0)) {
            return;
        }
        [$message] = \explode("\n", $error['message'], 2);
        $this->frames->write(ERROR, $this->call, meta(['code' => $this->isLoaded ? 'FUNCTION_ERROR' : 'LOAD_FAILED', 'type' => 'FatalError',
            'message' => text("$message in {$error['file']}:{$error['line']}"), 'stack' => text($error['message'])]));
    }
}

while (Worker::next()) {
    if (Worker::isProgram()) {
        include Worker::path();
        break;
    }
    try {
        Worker::loaded(include Worker::path());
    } catch (\Throwable $error) {
        Worker::notLoaded($error);
    }
}
