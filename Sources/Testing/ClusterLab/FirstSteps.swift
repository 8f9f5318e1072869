extension ClusterPlan {
    /// The controllers' addresses, as `apus` takes them.
    package var controllerAddresses: String {
        self.controllers.map(\.address).joined(separator: ";")
    }

    /// Where clients and operators find the cluster, and lines for a shell to begin with.
    ///
    /// - Parameter apus: the path of the `apus` executable.
    package func firstSteps(apus: String) -> String {
        let isControlled = !self.controllers.isEmpty
        var lines = [
            "clients use \(self.nameServerAddresses)"
                + (isControlled ? ", the controllers are \(self.controllerAddresses)" : ""),
            "  export APUS_NAME_SERVER='\(self.nameServerAddresses)'",
        ]
        if isControlled { lines.append("  export APUS_CONTROLLER='\(self.controllerAddresses)'") }
        lines += [
            "  \(apus) produce --topic orders \"first message\"",
            "  \(apus) consume --topic orders --from first --count 1",
            "  \(apus) cluster health",
        ]
        if isControlled {
            lines += ["  \(apus) broker status", "  \(apus) controller status"]
        }
        return lines.joined(separator: "\n")
    }
}
