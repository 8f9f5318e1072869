import ArgumentParser
import ClusterLab

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the end of a node's log.")

    @OptionGroup var target: NodeName
    @Flag(help: "Keep printing what is appended, until Ctrl-C.")
    var follow = false
    @Option(help: "How many lines.")
    var lines = 100

    func run() throws {
        let log = try self.target.find().1.log
        let end = log.end
        log.tail(lines: self.lines).forEach { show($0) }
        if self.follow { log.follow(from: end) { show($0, terminator: "") } }
    }
}

struct Kill: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a node at once (SIGKILL).")

    @OptionGroup var target: NodeName

    func run() throws {
        try self.target.find().1.kill()
        show("\(self.target.node) is dead")
    }
}

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Freeze a node (SIGSTOP): it keeps its connections and answers nothing.")

    @OptionGroup var target: NodeName

    func run() throws {
        try self.target.find().1.pause()
        show("\(self.target.node) is paused")
    }
}

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a paused node go on.")

    @OptionGroup var target: NodeName

    func run() throws {
        try self.target.find().1.resume()
        show("\(self.target.node) goes on")
    }
}

struct Restart: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop a node in order if it runs, start it again, wait until clients find it.")

    @OptionGroup var target: NodeName

    func run() throws {
        let (cluster, node) = try self.target.find()
        try cluster.restart([node], report: say)
        try cluster.waitUntilRouted()
    }
}
