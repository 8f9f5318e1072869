package import HostileBytes

extension FuzzTarget {
    package static let all: [FuzzTarget] =
        Self.decoders + [
            logBatch, records, replication, raft, peerFrame, filter, handle, compressed,
            brokerRequests, nameServerRequests, controllerRequests,
        ]

    package static func named(_ name: String) -> FuzzTarget? { Self.all.first { $0.name == name } }
}
