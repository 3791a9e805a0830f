<?php
namespace Trivet;

/** The frame (docs/formats/frame.md): its numbers, and how frames are read and written. */
const LOAD = 1, CALL = 2, CHUNK = 3, CANCEL = 4, PING = 5, ANSWER = 6, DRAIN = 8, CREDIT = 9;
const HELLO = 65, READY = 66, REPLY = 67, ERROR = 68, LOG = 69, PONG = 70, ASK = 71;
const FD_IN = 3, FD_OUT = 4, MORE = 1, CHUNK_SIZE = 65536;
const META_MAX = 1 << 20, TEXT_MAX = 65536; // bytes of meta; of a message or a stack
const JSON = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;
const JSON_ANYHOW = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR;
const DEPTH = 4096; // of JSON

/** An ERROR frame: a code and a sentence. */
final class Failure extends \Exception
{
    public function __construct(public readonly string $name, string $message)
    {
        parent::__construct($message);
    }
}

/** Reads whole frames from the host, and writes frames to it. */
final class Frames
{
    private string $buffer = '';
    private $in;
    private $out;
    public array $fds = []; // the numbers of both

    public function __construct(int $in, int $out)
    {
        $this->in = $this->stream($in, 'rb');
        $this->out = $this->stream($out, 'wb');
    }

    /** PHP makes its stream of a copy of the descriptor. Programs that are started must not hold the copy, and the original is not needed. */
    private function stream(int $fd, string $mode)
    {
        $copy = Libc::open() ? Libc::next($fd) : -1;
        $stream = \fopen("php://fd/$fd", $mode);
        \stream_set_read_buffer($stream, 0);
        if ($copy >= 0) {
            Libc::closeOnExec($copy);
            Libc::close($fd);
            $this->fds[] = $copy;
        }
        return $stream;
    }

    public function close(): void
    {
        \fclose($this->in);
        \fclose($this->out);
    }

    /** [type, flags, call, meta, body], or null at the end of the input. */
    public function read(): ?array
    {
        while (\strlen($this->buffer) < 16) {
            $piece = \fread($this->in, 65536);
            if ($piece === '' || $piece === false) {
                if (\feof($this->in)) {
                    return null;
                }
                continue; // a signal came
            }
            $this->buffer = $this->buffer === '' ? $piece : $this->buffer . $piece;
        }
        $head = \unpack('Nlength/Ctype/Cflags/x2/Ncall/Nmeta', $this->buffer);
        $end = $head['length'] + 4;
        if (\strlen($this->buffer) < $end) {
            $this->fill($end);
        }
        $body = 16 + $head['meta'];
        $frame = [$head['type'], $head['flags'], $head['call'], \substr($this->buffer, 16, $head['meta']), \substr($this->buffer, $body, $end - $body)];
        $this->buffer = \strlen($this->buffer) === $end ? '' : \substr($this->buffer, $end);
        return $frame;
    }

    private function fill(int $size): void
    {
        $pieces = [$this->buffer];
        $have = \strlen($this->buffer);
        while ($have < $size) {
            $piece = \fread($this->in, \min(\max($size - $have, 65536), 1 << 20));
            if ($piece !== '' && $piece !== false) {
                $pieces[] = $piece;
                $have += \strlen($piece);
            } elseif (\feof($this->in)) {
                exit(0);
            }
        }
        $this->buffer = \implode($pieces);
    }

    public static function of(int $type, int $call, string $meta = '', string $body = '', int $flags = 0): string
    {
        return \pack('NCCnNN', 12 + \strlen($meta) + \strlen($body), $type, $flags, 0, $call, \strlen($meta)) . $meta . $body;
    }

    /** One write, unless the pipe is full. */
    public function write(int $type, int $call, string $meta = '', string $body = '', int $flags = 0): void
    {
        $this->send(\pack('NCCnNN', 12 + \strlen($meta) + \strlen($body), $type, $flags, 0, $call, \strlen($meta)) . $meta . $body);
    }

    public function send(string $bytes): void
    {
        $sent = \fwrite($this->out, $bytes);
        while ($sent !== \strlen($bytes)) {
            if ($sent === false) {
                exit(0); // the host is gone
            }
            $bytes = \substr($bytes, $sent);
            $sent = \fwrite($this->out, $bytes);
        }
    }
}

/** Text as UTF-8 whatever it is, cut where it is too long. */
function text(string $text, int $most = TEXT_MAX): string
{
    if (\strlen($text) > $most) {
        $text = \preg_replace('/[\xC0-\xFF][\x80-\xBF]{0,2}$/D', '', \substr($text, 0, $most)); // the last character may be cut
    }
    return \preg_match('//u', $text) ? $text : \json_decode(\json_encode($text, JSON_INVALID_UTF8_SUBSTITUTE));
}

function meta(array $value): string
{
    return \json_encode($value, JSON_ANYHOW, DEPTH) ?: '{}';
}

/** The error with its stack, without the shim's own lines. */
function stackOf(\Throwable $error): string
{
    $isOwn = fn (?string $file) => $file === null || \dirname($file) === __DIR__;
    $lines = [\get_class($error) . ': ' . $error->getMessage() . ($isOwn($error->getFile()) ? '' : " in {$error->getFile()}:{$error->getLine()}")];
    foreach ($error->getTrace() as $step) {
        $name = ($step['class'] ?? '') . ($step['type'] ?? '') . $step['function'];
        if (!$isOwn($step['file'] ?? null)) {
            $lines[] = "    at $name ({$step['file']}:{$step['line']})";
        } elseif (!\str_starts_with($name, __NAMESPACE__ . '\\') && !\in_array($name, ['include', 'require'], true)) {
            $lines[] = "    at $name"; // called by PHP, or by the shim
        }
    }
    $cause = $error->getPrevious();
    return \implode("\n", $lines) . ($cause ? "\ncaused by " . stackOf($cause) : '');
}

/** ERROR's meta of what was thrown. */
function describe(\Throwable $error, string $code = 'FUNCTION_ERROR'): string
{
    if ($error instanceof Failure) {
        return meta(['code' => $error->name, 'message' => text($error->getMessage())]);
    }
    if ($error instanceof CallError && $error->code === 'LOOP_DETECTED') { // its caller must know
        $code = 'LOOP_DETECTED';
    }
    $message = $error->getMessage() === '' ? \get_class($error) : $error->getMessage();
    if ($code === 'LOAD_FAILED' || $error instanceof \ParseError) {
        $message .= ' in ' . $error->getFile() . ':' . $error->getLine();
    }
    return meta(['code' => $code, 'message' => text($message), 'type' => \get_class($error), 'stack' => text(stackOf($error))]);
}
