extension Cluster {
    private static let comparesWithin: Duration = .seconds(60)

    /// Compares the log files of each group's brokers with `apus verify replicas`.
    ///
    /// - Returns: whether they are copies of each other, and what the tool says.
    package func compareReplicas() throws -> (areIdentical: Bool, text: String) {
        let tool = try ToolProcess(
            "replicas", self.directories.executable("apus"),
            ["verify", "replicas", self.dataDirectory], directory: self.directory.path)
        let ending = try tool.end(within: Self.comparesWithin)
        guard ending == .exited(0) || ending == .exited(1) else { throw tool.problem("failed") }
        return (ending == .exited(0), tool.outputText)
    }
}
