import Glibc

/// Where the lab finds the servers and keeps the clusters.
package struct LabDirectories: Hashable, Sendable {
    /// The directory with `cluster/` in it.
    package var root: String
    /// The directory with `apus-namesrv`, `apus-broker` and `apus`.
    package var executables: String

    package init(root: String, executables: String) {
        self.root = root
        self.executables = executables
    }

    /// Where this file is, there is a checkout.
    private static let landmark = "broker.conf"

    /// The lab stands in the build directory, below the checkout that it belongs to.
    ///
    /// `APUS_BIN` names another directory of executables: an installed release, or stand-ins.
    package static func find(
        environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
    ) throws -> LabDirectories {
        guard let executable = realPath("/proc/self/exe") else {
            throw LabError.failed("cannot tell where this executable stands (/proc/self/exe)")
        }
        let own = self.parent(of: executable)
        var root = own
        while !SmallFile.exists("\(root)/cluster/\(self.landmark)") {
            guard root != "/" else {
                throw LabError.failed(
                    "found no cluster/\(self.landmark) above \(own); "
                        + "start the lab through cluster/launch of a checkout")
            }
            root = self.parent(of: root)
        }
        let executables = try environment("APUS_BIN").map(self.absolute) ?? own
        return LabDirectories(root: root, executables: executables)
    }

    package func cluster(_ name: String) -> ClusterDirectory {
        ClusterDirectory(path: "\(self.root)/cluster/run/\(name)")
    }

    func template(_ name: String) throws -> String {
        let path = "\(self.root)/cluster/\(name)"
        guard let text = SmallFile.read(path) else {
            throw LabError.failed("cannot read the node file \(path)")
        }
        return text
    }

    package func executable(_ name: String) throws -> String {
        let path = "\(self.executables)/\(name)"
        guard access(path, X_OK) == 0 else {
            throw LabError.failed(
                "\(path) is missing: build it with swift build -c release --product \(name)")
        }
        return path
    }

    /// The executable as people write it: the link `.build/release` instead of what it points to.
    package func shortPath(of executable: String) -> String {
        let path = "\(self.executables)/\(executable)"
        let links = ["release", "debug"].map { "\(self.root)/.build/\($0)/\(executable)" }
        return links.first { Self.realPath($0) == path } ?? path
    }

    /// A path as the user wrote it, made independent of the directory it was written in.
    package static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let here = realPath(".") else {
            throw LabError.failed("the current directory is gone")
        }
        return "\(here)/\(path)"
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
