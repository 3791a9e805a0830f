
// What the build adds to a Package.swift: the target of the entrypoint becomes a program that has the shim.
package.dependencies.append(.package(name: "Trivet", path: ".trivet"))
do {
  let entrypoint = "ENTRYPOINT"
  let candidates = package.targets.filter { $0.type == .regular || $0.type == .executable }
  let own = candidates.first { entrypoint.hasPrefix($0.path == "." ? "" : ($0.path ?? "Sources/" + $0.name) + "/") } ?? candidates.first
  guard let own = own else { fatalError("Package.swift has no target for \(entrypoint)") }
  let program = Target.executableTarget(
    name: own.name, dependencies: own.dependencies + [.product(name: "Trivet", package: "Trivet")], path: own.path, exclude: own.exclude, sources: own.sources,
    resources: own.resources, cSettings: own.cSettings, cxxSettings: own.cxxSettings, swiftSettings: own.swiftSettings, linkerSettings: own.linkerSettings)
  package.targets = package.targets.filter { $0.name != own.name && $0.type != .test } + [program]
  package.products = [.executable(name: "trivet-worker", targets: [own.name])]
}
