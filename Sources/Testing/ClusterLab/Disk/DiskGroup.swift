import Chaos
import Foundation
import Glibc

/// A controller and three brokers of one group, each broker on a disk of its own that can be broken.
final class DiskGroup {
    static let name = ClusterLayout.groupName(0)
    static let segmentBytes = LoneBroker.segmentBytes
    private static let mebibytes = 768
    private static let pace: Duration = .milliseconds(10)

    let cluster: Cluster
    /// Speaks to the master, whoever that is.
    let client: StoreClient
    private let workspace: DiskWorkspace
    private let watch: ClusterWatch
    private let images: [String: DiskImage]
    private let controls: [String: FaultControl]

    init(_ run: DiskRun) throws {
        self.workspace = run.workspace
        let data = try run.workspace.directory("group")
        let library = try PreloadLibrary.diskFaults.compile(
            in: run.directories, to: run.workspace.path)
        var options = try Self.options(data)
        var images: [String: DiskImage] = [:]
        var controls: [String: FaultControl] = [:]
        for broker in ClusterPlan(options: options, dataDirectory: data).brokers {
            let path = "\(data)/\(broker.name)"
            let image = DiskImage(.ext4, file: "\(path).image", path: path)
            try image.make(mebibytes: Self.mebibytes)
            images[broker.name] = image
            let control = try FaultControl(
                path: "\(run.workspace.path)/\(broker.name).faults", root: path)
            controls[broker.name] = control
            options.brokerEnvironment?[broker.name] =
                control.environment(library: library, isTraced: false) + run.order.environment
        }
        (self.images, self.controls) = (images, controls)
        let cluster = try Cluster.up(options, in: run.directories) { _ in }
        self.cluster = cluster
        let watch = ClusterWatch(cluster) { _ in }
        self.watch = watch
        self.client = StoreClient(Self.name, pace: Self.pace) { watch.view.master(of: Self.name) }
        for node in cluster.nodes { self.remember(node) }
    }

    private static func options(_ data: String) throws -> ClusterOptions {
        var options = ClusterOptions()
        options.name = "disk-\(getpid())"
        options.groups = 1
        options.controllers = 1
        options.replicas = 3
        options.dataDirectory = data
        options.brokerSettings = [
            "mappedFileSizeCommitLog": "\(Self.segmentBytes)", "diskMaxUsedSpaceRatio": "99",
            // All of a store within a few seconds.
            "scrubBytesPerSecond": "64MiB",
        ]
        options.brokerEnvironment = [:]
        var generator = SystemRandomNumberGenerator()
        try options.choosePortOffset(using: &generator)
        return options
    }

    /// Everything ends, and nothing stays.
    func takeDown() async throws {
        await self.client.shutdown()
        try Interrupt.shielded {
            self.watch.stop()
            for node in self.cluster.nodes where node.state == .paused { try node.resume() }
            try self.cluster.down { _ in }
            for image in self.images.values { try image.delete() }
            try self.cluster.wipe { _ in }
        }
    }

    // MARK: Its members

    func image(of node: Node) throws -> DiskImage {
        guard let image = self.images[node.name] else {
            throw LabError.failed("\(node.name) has no disk of its own")
        }
        return image
    }

    func control(of node: Node) throws -> FaultControl {
        guard let control = self.controls[node.name] else {
            throw LabError.failed("\(node.name) has no faults")
        }
        return control
    }

    var brokers: [Node] { self.cluster.nodes.filter { $0.plan.kind == .broker } }

    /// The master, or the first of the others.
    func broker(as role: GroupRole) throws -> Node {
        let master = self.watch.view.master(of: Self.name)
        let fitting = self.brokers.first { ($0.plan.address == master) == (role == .master) }
        guard master != nil, let fitting else { throw LabError.failed("the group has no master") }
        return fitting
    }

    /// Starts a broker that has ended.
    ///
    /// - Returns: nil when it serves; else what it said last.
    func start(_ node: Node) throws -> String? {
        let logStart = node.log.end
        do {
            try self.cluster.restart([node]) { _ in }
        } catch let error as LabError where error.kind == .failed {
            return NodeLog.lastWords(of: node.log.read(from: logStart))
        }
        self.remember(node)
        return nil
    }

    /// Takes away all that a broker has, as a new disk does.
    func empty(_ node: Node) throws {
        if node.isAlive {
            node.askToStop()
            try node.waitUntilStopped()
        }
        try self.image(of: node).clear()
    }

    private func remember(_ node: Node) {
        if let process = node.process { self.workspace.started(process) }
    }

    // MARK: How it is

    /// What keeps the group from being whole: a master, all in step.
    var flaws: [String] { self.cluster.plan.flaws(of: self.watch.view) }

    /// Whether the logs of all are the same bytes up to the same end. Only of a group that rests.
    func isOneLog() throws -> Bool {
        let tool = try ToolProcess(
            "replicas", self.cluster.directories.executable("apus"),
            ["verify", "replicas", self.cluster.dataDirectory, "--json"],
            directory: self.cluster.directory.path)
        let ending = try tool.end(within: .seconds(60))
        guard ending == .exited(0) else { return false }
        let groups = try JSONDecoder().decode(
            [ComparedGroup].self, from: Data(tool.outputText.utf8))
        return groups.allSatisfy { group in
            group.identical && group.logs.count == self.brokers.count
                && Set(group.logs.map(\.end)).count == 1
        }
    }

    /// What `apus verify store` says of a broker that is stopped; nil: all is sound.
    func damage(of node: Node) throws -> String? {
        let tool = try ToolProcess(
            "store", self.cluster.directories.executable("apus"),
            ["verify", "store", self.image(of: node).path],
            directory: self.cluster.directory.path)
        return try tool.end(within: .seconds(60)) == .exited(0) ? nil : tool.outputText
    }
}

enum GroupRole: String, CaseIterable, Hashable, Sendable {
    case replica
    case master
}

/// What `apus verify replicas --json` says of one group.
private struct ComparedGroup: Decodable {
    struct Log: Decodable { var end: Int64 }

    var identical: Bool
    var logs: [Log]
}
