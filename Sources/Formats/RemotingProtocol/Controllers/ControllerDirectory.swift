/// Where brokers leave the addresses of their controllers with the name servers, for tools: as
/// settings, which are still there when no broker is. A key is the name of a cluster, its value is
/// `host:port;host:port`.
package enum ControllerDirectory {
    package static let namespace = "APUS_CONTROLLERS"

    /// More than a group of controllers can use; an answer may say anything.
    private static let addressesMax = 16

    package static func announcement(cluster: String, addresses: [String]) -> RemotingCommand {
        .request(
            .putKVConfig,
            fields: [
                "namespace": Self.namespace, "key": cluster,
                "value": addresses.prefix(Self.addressesMax).joined(separator: ";"),
            ])
    }

    package static var question: RemotingCommand {
        .request(.getKVListByNamespace, fields: ["namespace": Self.namespace])
    }

    /// Addresses by cluster. What is no address is left out.
    package static func addresses(in table: KVTable) -> [String: [String]] {
        table.table.mapValues { text in
            text.split(separator: ";").prefix(Self.addressesMax).map(String.init)
                .filter { $0.contains(":") }
        }.filter { !$0.value.isEmpty }
    }
}
