<?php
namespace Trivet;

/**
 * The `module` interface: a call names a file below the function's folder and a function in it (runtimes/CONTRACT.md).
 *
 * A file is included once. PHP has one space of names for all files, so files that share names put them into a namespace of their own path (`deep\down`),
 * into a class of that name, or return an array of functions.
 */
final class Modules
{
    private array $loaded = []; // by path: what the file returned, or why it could not be included
    private array $known = [];  // by module and function: the closure and whether it takes arrays

    public function __construct(private string $dir)
    {
    }

    /** What the function returns. `$facts` is the call's meta. */
    public function call(object $facts, string $body): mixed
    {
        [$function, $asArrays, $required] = $this->known["$facts->module\0$facts->function"] ??= $this->look($facts->module, $facts->function);
        try {
            $args = $body === '' ? [] : \json_decode($body, $asArrays, DEPTH, JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            throw new Failure('INVALID_INPUT', 'the arguments are not JSON: ' . $error->getMessage());
        }
        if (!\is_array($args) || !\array_is_list($args)) {
            throw new Failure('INVALID_INPUT', 'the arguments are not a list');
        }
        if (\count($args) < $required) {
            throw new Failure('INVALID_INPUT', "$facts->function takes $required arguments, " . \count($args) . ' were given');
        }
        try {
            $output = $function(...$args);
        } catch (\TypeError $error) {
            if (!\str_contains($error->getMessage(), ', called in ' . __FILE__)) { // its own
                throw $error;
            }
            throw new Failure('INVALID_INPUT', \explode(', called in ', $error->getMessage())[0]);
        }
        return $output instanceof \Traversable && !$output instanceof \JsonSerializable ? \iterator_to_array($output, false) : $output;
    }

    private static function missing(string $what): never
    {
        throw new Failure('FUNCTION_NOT_FOUND', $what);
    }

    private function look(string $module, string $function): array
    {
        if (!\preg_match('~^[A-Za-z]\w*([./][A-Za-z]\w*)*$~D', $module)) {
            self::missing(\json_encode($module, JSON_INVALID_UTF8_SUBSTITUTE) . ' is not the name of a module');
        }
        $path = $this->dir . '/' . \strtr($module, '.', '/') . '.php';
        $found = \preg_match('~^[A-Za-z]\w*$~D', $function) ? $this->find($path, $module, $function) : null;
        if ($found === null) {
            self::missing("the module $module has no function " . \json_encode($function, JSON_INVALID_UTF8_SUBSTITUTE));
        }
        $about = new \ReflectionFunction($found);
        $types = \array_map(fn ($parameter) => (string) $parameter->getType(), $about->getParameters());
        return [$found, \preg_grep('/^\??array$|\barray\|null$/', $types) !== [], $about->getNumberOfRequiredParameters()];
    }

    /** What is called by its exact name, and comes from that file. */
    private function find(string $path, string $module, string $function): ?\Closure
    {
        $value = $this->load($path, $module);
        $file = \realpath($path);
        $place = \strtr($module, './', '\\\\');
        if (\is_array($value)) {
            return ($value[$function] ?? null) instanceof \Closure ? $value[$function] : null;
        }
        foreach (["$place\\$function", $function] as $name) {
            if (\function_exists($name)) {
                $about = new \ReflectionFunction($name);
                if ($about->getFileName() === $file && $about->getName() === $name) {
                    return $name(...);
                }
            }
        }
        $class = \is_object($value) ? $value : $place;
        if (\is_object($value) || \class_exists($place, false)) {
            $about = \method_exists($class, $function) ? new \ReflectionMethod($class, $function) : null;
            if ($about !== null && $about->isPublic() && $about->getFileName() === $file && $about->getName() === $function && (\is_object($value) || $about->isStatic())) {
                return [$class, $function](...);
            }
        }
        return null;
    }

    private function load(string $path, string $module): mixed
    {
        if (!\array_key_exists($path, $this->loaded)) {
            if (!\is_file($path)) {
                self::missing("there is no module $module in $this->dir");
            }
            try {
                $this->loaded[$path] = (static fn () => include \func_get_arg(0))($path);
            } catch (\Throwable $error) { // what it has defined is there: it cannot be included once more
                $this->loaded[$path] = $error;
            }
        }
        if ($this->loaded[$path] instanceof \Throwable) {
            throw $this->loaded[$path];
        }
        return $this->loaded[$path];
    }
}
