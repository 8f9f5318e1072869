import ClusterLab
import Foundation
import Glibc

/// A directory of its own for one test.
struct Scratch {
    let path: String

    init() throws {
        self.path = FileManager.default.temporaryDirectory.path + "/apus-lab-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: self.path, withIntermediateDirectories: true)
    }

    func delete() { try? FileManager.default.removeItem(atPath: self.path) }
}

/// A checkout with stand-ins for the servers: shell scripts that say they are ready and wait.
struct StandInCheckout {
    let scratch: Scratch
    var directories: LabDirectories

    /// - Parameter broker: what the broker's script does.
    init(broker: String = "echo \"ready broker\"; exec sleep 1000") throws {
        self.scratch = try Scratch()
        let root = self.scratch.path
        self.directories = LabDirectories(root: root, executables: "\(root)/bin")
        for directory in ["cluster", "bin"] {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(directory)", withIntermediateDirectories: true)
        }
        for template in ["name-server.conf", "broker.conf", "controller.conf", "replica.conf"] {
            try Data("listenPort=1\n".utf8).write(
                to: URL(fileURLWithPath: "\(root)/cluster/\(template)"))
        }
        try self.write("apus-namesrv", "echo \"ready name server\"; exec sleep 1000")
        try self.write("apus-controller", "echo \"ready controller\"; exec sleep 1000")
        try self.write("apus-broker", broker)
    }

    private func write(_ name: String, _ script: String) throws {
        let path = "\(self.directories.executables)/\(name)"
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o755)
    }

    /// One name server and two brokers on ports that nobody has, unless `change` asks for others.
    func options(_ change: (inout ClusterOptions) -> Void = { _ in }) -> ClusterOptions {
        var options = ClusterOptions()
        change(&options)
        repeat {
            options.portOffset = Int.random(in: 10_000...20_000)
        } while !ClusterPlan(options: options, dataDirectory: "/").nodes
            .allSatisfy { LoopbackPort.isFree($0.port) }
        return options
    }
}
