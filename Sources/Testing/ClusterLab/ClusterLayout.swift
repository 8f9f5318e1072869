/// Works out names, addresses and settings of a cluster's nodes.
struct ClusterLayout {
    static let loopback = "127.0.0.1"
    private static let firstNameServerPort = 9876
    private static let firstControllerPort = 9878
    private static let portsPerController = 10
    /// The third name server and those behind it, below the controllers' ports.
    private static let moreNameServerPorts = 9860
    /// Below those of all name servers.
    private static let firstNameServerHTTPPort = 9850
    private static let firstBrokerPort = 10911
    /// A broker's replication, gRPC and HTTP ports lie beside its first one.
    private static let portsPerBroker = 20

    let options: ClusterOptions
    let dataDirectory: String

    var nameServers: [NodePlan] { (0..<self.options.nameServers).map(self.nameServer) }
    var controllers: [NodePlan] { (0..<self.options.controllers).map(self.controller) }

    var brokers: [NodePlan] {
        (0..<self.options.groups).flatMap { group in
            (0..<self.options.replicas).map { index in
                self.broker(
                    number: index + 1, of: Self.groupName(group),
                    slot: group * self.options.replicas + index)
            }
        }
    }

    static func groupName(_ index: Int) -> String {
        "broker-" + String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))
    }

    private var isControlled: Bool { self.options.controllers > 0 }

    private func host(_ place: Int) -> String {
        self.options.network == nil ? Self.loopback : LabNetwork.address(place)
    }

    private func nameServer(_ index: Int) -> NodePlan {
        let base = index < 2 ? Self.firstNameServerPort : Self.moreNameServerPorts
        let port = base + index + self.options.portOffset
        let host = self.host(index)
        return NodePlan(
            name: "name-server-\(index + 1)", kind: .nameServer, host: host, port: port,
            settings: ["bindAddress": host, "listenPort": "\(port)"], dataDirectory: nil
        ).telling(at: Self.firstNameServerHTTPPort + index + self.options.portOffset)
    }

    private func controllerPort(_ index: Int) -> Int {
        Self.firstControllerPort + index * Self.portsPerController + self.options.portOffset
    }

    private func controllerHost(_ index: Int) -> String {
        self.host(self.options.nameServers + index)
    }

    private func controller(_ index: Int) -> NodePlan {
        let name = "controller-\(index + 1)"
        let port = self.controllerPort(index)
        let data = "\(self.dataDirectory)/\(name)"
        let peers = (0..<self.options.controllers).map {
            "n\($0)-\(self.controllerHost($0)):\(self.controllerPort($0))"
        }
        return NodePlan(
            name: name, kind: .controller, host: self.controllerHost(index), port: port,
            morePorts: [port + 1],
            settings: [
                "controllerSelfId": "n\(index)",
                "controllerPeers": peers.joined(separator: ";"),
                "controllerStorePath": data,
                "bindAddress": self.controllerHost(index),
            ],
            dataDirectory: data, clockLibrary: self.options.clockLibrary
        ).telling(at: port + 2)
    }

    /// - Parameters:
    ///   - number: counts the group's brokers from 1.
    ///   - slot: counts all brokers from 0.
    func broker(number: Int, of group: String, slot: Int) -> NodePlan {
        let port = Self.firstBrokerPort + slot * Self.portsPerBroker + self.options.portOffset
        let name = self.isControlled ? "\(group)-\(number)" : group
        let host = self.host(self.options.nameServers + self.options.controllers + slot)
        let data = "\(self.dataDirectory)/\(name)"
        var settings = [
            "namesrvAddr": self.nameServers.map(\.address).joined(separator: ";"),
            "bindAddress": host,
            "brokerName": group,
            "brokerIP1": host,
            "listenPort": "\(port)",
            "storePathRootDir": data,
            "flushDiskType": self.options.flush == .sync ? "SYNC_FLUSH" : "ASYNC_FLUSH",
        ]
        if self.isControlled {
            settings["controllerAddr"] = (0..<self.options.controllers)
                .map { "\(self.controllerHost($0)):\(self.controllerPort($0))" }
                .joined(separator: ";")
            settings["haListenPort"] = "\(port + 1)"
            if self.options.diskMebibytes != nil {
                settings["mappedFileSizeCommitLog"] = "\(32 << 20)"
            }
            settings["minInSyncReplicas"] = "\(min(2, self.options.replicas))"
        }
        settings.merge(self.options.brokerSettings ?? [:]) { $1 }
        return NodePlan(
            name: name, kind: .broker, host: host, port: port,
            morePorts: self.isControlled ? [port + 1] : [], group: group, settings: settings,
            dataDirectory: data,
            diskMebibytes: group == Self.groupName(0) ? self.options.diskMebibytes : nil,
            clockLibrary: self.options.clockLibrary,
            environment: self.options.brokerEnvironment?[name]
        ).telling(at: port + 2)
    }
}

extension NodePlan {
    /// The same node, with /healthz, /readyz and /metrics at this port.
    fileprivate func telling(at port: Int) -> NodePlan {
        var plan = self
        plan.httpPort = port
        plan.settings["httpPort"] = "\(port)"
        plan.settings["httpAddress"] = self.host
        return plan
    }
}
